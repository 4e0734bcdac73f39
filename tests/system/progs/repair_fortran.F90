! SPDX-License-Identifier: BSD-3-Clause
!
! repair_fortran.F90 - a loss in each of Fortran's three bindings, by how it is compiled: -DMPIF_H,
! -DUSE_MPI, -DUSE_MPI_F08. For t0720-languages.sh.
!
!     repair_fortran return | callback | loop
!
! A ring of messages and sums, on communicators that are made from the world; step HIT is where rank
! 1 kills itself, unless it is a replacement. In `return` the interrupted call returns the error; in
! `callback` so it does, after a callback that the program has asked for; in
! `loop` the body is called again. All ranks end in step STEPS with sums that are right.
module state
    implicit none
    integer, parameter :: STEPS = 30, HIT = 12, SIGKILL = 9
    integer :: step = 0, told = 0, wrong = 0, errors = 0
    integer :: rank, ranks
    character(16) :: way
#ifdef USE_MPI_F08
end module

module steps_of
    use mpi_f08
    use ftmpi
    use state
    implicit none
    type(MPI_Comm) :: copy, half
    type(MPI_Request) :: requests(2)
#else
end module

module steps_of
#ifdef USE_MPI
    use mpi
    use ftmpi
    use state
    implicit none
#else
    use ftmpi
    use state
    implicit none
    include 'mpif.h'
#endif
    integer :: copy, half, requests(2)
#endif
    interface
        integer(c_int) function c_getpid() bind(C, name='getpid')
            import
        end function
        integer(c_int) function c_kill(pid, signal) bind(C, name='kill')
            import
            integer(c_int), value :: pid, signal
        end function
    end interface

contains

    subroutine on_repair(repair, action)
        type(FTMPI_Repair_t), intent(in) :: repair
        integer, intent(inout) :: action

        told = told + 1
        if (repair%repairs /= 1 .or. repair%lost_n /= 1 .or. repair%lost(1) /= 1 .or. repair%is_replacement) &
            wrong = wrong + 1
        action = FTMPI_RETURN_ERROR
    end subroutine

    ! .false.: a call was interrupted, or (nothing else is expected) has failed.
    logical function is_well(ierr)
        integer, intent(in) :: ierr
        integer :: class, ignored

        is_well = ierr == MPI_SUCCESS
        if (is_well) return
        errors = errors + 1
        call MPI_Error_class(ierr, class, ignored)
        if (class /= 75) then ! MPIX_ERR_PROC_FAILED, in Open MPI 5
            wrong = wrong + 1
            print '(a,i0,a,i0)', 'rank ', rank, ': not the error of a loss but ', class
        end if
    end function

    ! Each rank's step, the farthest of all. A replacement begins with 0.
    logical function agree()
        integer :: farthest, ierr

        call MPI_Allreduce(step, farthest, 1, MPI_INTEGER, MPI_MAX, MPI_COMM_WORLD, ierr)
        agree = is_well(ierr)
        if (agree) step = farthest
    end function

    ! One step: a message around the ring, a sum in each half, a sum over all. On the copy, the
    ! part, the world: so all are there again after a repair.
    logical function advance()
        integer :: from_before, total, part, i, mine, ierr

        advance = .false.
        mine = 1000*rank + step
        call MPI_Irecv(from_before, 1, MPI_INTEGER, modulo(rank - 1, ranks), 5, copy, requests(1), ierr)
        if (.not. is_well(ierr)) return
        call MPI_Isend(mine, 1, MPI_INTEGER, modulo(rank + 1, ranks), 5, copy, requests(2), ierr)
        if (.not. is_well(ierr)) return
        call MPI_Waitall(2, requests, MPI_STATUSES_IGNORE, ierr)
        if (.not. is_well(ierr)) return
        if (from_before /= 1000*modulo(rank - 1, ranks) + step) wrong = wrong + 1
        call MPI_Allreduce(rank, part, 1, MPI_INTEGER, MPI_SUM, half, ierr)
        if (.not. is_well(ierr)) return
        if (part /= sum([(i, i=modulo(rank, 2), ranks - 1, 2)])) wrong = wrong + 1
        call MPI_Allreduce(mine, total, 1, MPI_INTEGER, MPI_SUM, MPI_COMM_WORLD, ierr)
        if (.not. is_well(ierr)) return
        if (total /= ranks*step + 1000*ranks*(ranks - 1)/2) wrong = wrong + 1
        advance = .true.
    end function

    subroutine body(repair, ierror)
        type(FTMPI_Repair_t), intent(in) :: repair
        integer, intent(inout) :: ierror
        integer :: ignored

        if (ierror /= MPI_SUCCESS) wrong = wrong + 1
        if (repair%rank /= rank .or. repair%world_n /= ranks) wrong = wrong + 1
        do ! until it comes through: not at all, in `loop`, where a loss leaves it by itself
            if (.not. agree()) cycle
            do while (step < STEPS)
                if (step == HIT .and. rank == 1 .and. .not. repair%is_replacement) &
                    ignored = c_kill(c_getpid(), int(SIGKILL, c_int))
                if (.not. advance()) exit
                step = step + 1
            end do
            if (step == STEPS) exit
        end do
        ierror = 40 + rank
    end subroutine
end module

program repair_fortran
    use steps_of
    implicit none
    type(FTMPI_Repair_t) :: repair
    integer :: ierr, answer

    call get_command_argument(1, way)
    call MPI_Init(ierr)
    call MPI_Comm_rank(MPI_COMM_WORLD, rank, ierr)
    call MPI_Comm_size(MPI_COMM_WORLD, ranks, ierr)
    call MPI_Comm_dup(MPI_COMM_WORLD, copy, ierr)
    call MPI_Comm_split(copy, modulo(rank, 2), rank, half, ierr)
    call FTMPI_Last_repair(repair, ierr)
    if (ierr /= MPI_SUCCESS) wrong = wrong + 1
    answer = MPI_SUCCESS
    if (way == 'loop') then
        call FTMPI_Loop(body, answer)
        if (errors > 0) wrong = wrong + 1
    else
        if (way == 'callback') call FTMPI_Set_callback(on_repair, ierr)
        if (way == 'return') call MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN, ierr)
        if (way == 'return') call MPI_Comm_set_errhandler(copy, MPI_ERRORS_RETURN, ierr)
        if (way == 'return') call MPI_Comm_set_errhandler(half, MPI_ERRORS_RETURN, ierr)
        do
            call body(repair, answer)
            call FTMPI_Settle(ierr)
            if (ierr == MPI_SUCCESS) exit
            answer = MPI_SUCCESS
        end do
        if (way == 'callback' .and. (told /= merge(0, 1, repair%is_replacement))) wrong = wrong + 1
        if (way == 'callback') call FTMPI_Clear_callback(ierr)
    end if
    if (answer /= 40 + rank) wrong = wrong + 1
    call FTMPI_Last_repair(repair, ierr)
    if (repair%repairs /= 1 .or. repair%lost(1) /= 1 .or. (repair%is_replacement .neqv. rank == 1)) wrong = wrong + 1
    print '(a,i0,3a,i0,a,i0,a)', 'rank ', rank, ' ', trim(way), ': at step ', step, ', ', wrong, ' wrong'
    call MPI_Comm_free(half, ierr)
    call MPI_Comm_free(copy, ierr)
    call MPI_Finalize(ierr)
end program
